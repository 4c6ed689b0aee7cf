-- Which menu item a message chose, and the report of menu items and request tags.
-- Written without a schema name: run with search_path = chat, or chat_next for a rebuild.

-- Only scripts tell it (is_menu); null: no such choice, or no script told of it.
alter table messages add column menu_item text;
-- Few messages are choices: the report finds them without reading the others.
create index messages_menu on messages (account_id, request_key) where menu_item is not null;
