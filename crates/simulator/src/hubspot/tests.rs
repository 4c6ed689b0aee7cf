use chrono::{TimeDelta, TimeZone};
use serde_json::json;

use super::*;

const CONTACTS: &str = "/crm/v3/objects/contacts";
const KEY: &str = "chat_client_key";

fn now() -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 10, 1, 2, 0, 0).unwrap()
}

/// An account with our group, the unique key and a choice.
fn ready() -> HubSpot {
    let mut hubspot = HubSpot::new("pat-example");
    let group = json!({"name": "chatledger", "label": "Chatledger"});
    assert_eq!(post(&mut hubspot, "/crm/v3/properties/contacts/groups", &group).status, 201);
    let key = json!({"name": KEY, "label": "Key", "type": "string", "fieldType": "text", "groupName": "chatledger",
        "hasUniqueValue": true});
    let transport = json!({"name": "chat_transport", "label": "Transport", "type": "enumeration",
        "fieldType": "select", "groupName": "chatledger", "options": [{"label": "WhatsApp", "value": "whatsapp"}]});
    let score = json!({"name": "chat_score", "label": "Score", "type": "number", "fieldType": "number",
        "groupName": "chatledger"});
    let tags = json!({"name": "chat_tags", "label": "Tags", "type": "enumeration", "fieldType": "checkbox",
        "groupName": "chatledger", "options": [{"label": "VIP", "value": "vip"}, {"label": "Club", "value": "club"}]});
    for property in [key, transport, score, tags] {
        assert_eq!(post(&mut hubspot, "/crm/v3/properties/contacts", &property).status, 201);
    }
    hubspot
}

fn call(hubspot: &mut HubSpot, method: &str, path: &str, body: Option<&Value>) -> Answer {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let token = hubspot.settings.token.clone();
    let call = Call {
        method: method.into(),
        path: path.into(),
        query: pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        headers: vec![("authorization".into(), format!("Bearer {token}"))],
        body: body.map(|body| body.to_string().into_bytes()).unwrap_or_default(),
    };
    hubspot.answer(&call, now())
}

fn post(hubspot: &mut HubSpot, path: &str, body: &Value) -> Answer {
    call(hubspot, "POST", path, Some(body))
}

fn get(hubspot: &mut HubSpot, path: &str) -> Answer {
    call(hubspot, "GET", path, None)
}

fn parsed(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

#[expect(clippy::needless_pass_by_value, reason = "called with literals")]
fn input(number: usize, properties: Value) -> Value {
    let key = format!("chat2desk-acme-{number}");
    let mut all = json!({KEY: key});
    all.as_object_mut().unwrap().extend(properties.as_object().unwrap().clone());
    json!({"id": key, "idProperty": KEY, "objectWriteTraceId": format!("w-{number}"), "properties": all})
}

fn upsert(hubspot: &mut HubSpot, inputs: &[Value]) -> Answer {
    post(hubspot, &format!("{CONTACTS}/batch/upsert"), &json!({"inputs": inputs}))
}

#[test]
fn an_upsert_creates_once_and_updates_after_and_says_which_in_any_order() {
    let mut hubspot = ready();
    let answer = upsert(
        &mut hubspot,
        &[input(1, json!({"firstname": "Ann"})), input(2, json!({"chat_score": "0.82"}))],
    );
    assert_eq!(answer.status, 200);
    let first = parsed(&answer);
    assert_eq!((&first["status"], first["numErrors"].is_null()), (&json!("COMPLETE"), true));
    let results = first["results"].as_array().unwrap();
    let traces: Vec<_> =
        results.iter().map(|result| result["objectWriteTraceId"].as_str().unwrap()).collect();
    assert_eq!(traces, ["w-2", "w-1"], "position says nothing");
    assert!(results.iter().all(|result| result["new"] == true && result["url"].is_null()));

    hubspot.settings.app_url = Some("https://app.example.org".into());
    let second = parsed(&upsert(&mut hubspot, &[input(1, json!({"phone": "+353861234567"}))]));
    assert_eq!(second["results"][0]["new"], false);
    assert_eq!(second["results"][0]["id"], results[1]["id"]);
    let url = second["results"][0]["url"].as_str().unwrap();
    assert!(
        url.ends_with(&format!(
            "/record/0-1/{}",
            hubspot.contacts.having(KEY, "chat2desk-acme-1").unwrap().id
        ))
    );
    assert_eq!(hubspot.contacts.creates(KEY)["chat2desk-acme-1"], 1);
    assert_eq!((hubspot.tally.created, hubspot.tally.updated, hubspot.tally.rows), (2, 1, 3));
    assert_eq!(hubspot.tally.calls["POST batch/upsert"], 2);
    let ann = hubspot.contacts.having(KEY, "chat2desk-acme-1").unwrap();
    assert_eq!((&ann.properties["firstname"], ann.properties.len()), (&"Ann".to_owned(), 3));
    let cleared = upsert(&mut hubspot, &[input(1, json!({"phone": ""}))]);
    assert_eq!(cleared.status, 200);
    assert!(!hubspot.contacts.having(KEY, "chat2desk-acme-1").unwrap().properties.contains_key("phone"));
}

#[test]
fn one_bad_row_refuses_the_batch_and_nothing_of_it_is_written() {
    let bad = [
        (json!({"chat_transport": "fax"}), "INVALID_OPTION", "fax was not one of the allowed options"),
        (json!({"chat_tags": "vip;gold"}), "INVALID_OPTION", "gold was not one of the allowed options"),
        (json!({"no_such": "1"}), "PROPERTY_DOESNT_EXIST", "Property \"no_such\" does not exist"),
        (json!({"chat_score": "five"}), "INVALID_NUMBER", "five is not a valid number"),
        (json!({"email": "nobody"}), "INVALID_EMAIL", "nobody is not a valid string"),
        (json!({"hs_object_id": "1"}), "READ_ONLY_VALUE", "\"hs_object_id\" is a read only property"),
        (json!({"hubspot_owner_id": "77"}), "INVALID_OWNER_ID", "77 is not a valid enumeration"),
    ];
    for (properties, code, message) in bad {
        let mut hubspot = ready();
        let rows = [input(1, json!({"chat_tags": "vip;club"})), input(2, properties)];
        let answer = upsert(&mut hubspot, &rows);
        let body = parsed(&answer);
        assert_eq!((answer.status, &body["category"]), (400, &json!("VALIDATION_ERROR")), "{body}");
        assert!(body["message"].as_str().unwrap().starts_with("Property values were not valid"));
        assert_eq!(
            (&body["errors"][0]["code"], &body["errors"][0]["message"]),
            (&json!(code), &json!(message))
        );
        assert!(
            body["correlationId"].is_string() && !body.to_string().contains("w-2"),
            "it does not say which"
        );
        assert!(hubspot.contacts.is_empty());
        assert_eq!((hubspot.tally.refused_batches, hubspot.tally.refused_rows), (1, 1));
        assert_eq!(upsert(&mut hubspot, &rows[..1]).status, 200, "halved, the good half is taken");
    }
}

#[test]
fn a_partial_answer_tells_bad_rows_by_their_trace_and_writes_the_others() {
    let mut hubspot = ready();
    hubspot.settings.partial = true;
    let mut rows = vec![
        input(1, json!({})),
        input(2, json!({"chat_transport": "fax"})),
        input(3, json!({"phone": "1"})),
    ];
    let answer = upsert(&mut hubspot, &rows);
    let body = parsed(&answer);
    assert_eq!((answer.status, &body["numErrors"]), (207, &json!(1)));
    let error = &body["errors"][0];
    assert_eq!(error["context"]["objectWriteTraceId"], json!(["w-2"]));
    assert_eq!(
        (&error["category"], &error["errors"][0]["in"]),
        (&json!("VALIDATION_ERROR"), &json!("chat_transport"))
    );
    assert_eq!((body["results"].as_array().unwrap().len(), hubspot.contacts.len()), (2, 2));
    rows[0].as_object_mut().unwrap().remove("objectWriteTraceId");
    assert_eq!(
        upsert(&mut hubspot, &rows).status,
        400,
        "without a trace on every row there is no partial answer"
    );
}

#[test]
fn a_batch_with_the_same_id_twice_with_numbers_or_too_long_is_refused() {
    let mut hubspot = ready();
    let twice = upsert(&mut hubspot, &[input(1, json!({})), input(1, json!({}))]);
    assert_eq!(twice.status, 400);
    assert!(parsed(&twice)["message"].as_str().unwrap().starts_with("Duplicate IDs found in batch input"));
    let number = upsert(&mut hubspot, &[input(1, json!({"chat_score": 5}))]);
    assert!(number.status == 400 && number.body.contains("Invalid input JSON"));
    let many: Vec<Value> = (0..101).map(|number| input(number, json!({}))).collect();
    assert_eq!(upsert(&mut hubspot, &many).status, 400);
    assert_eq!(upsert(&mut hubspot, &many[..100]).status, 200);
    assert_eq!(upsert(&mut hubspot, &[]).status, 400);
    let mut strange = input(500, json!({}));
    strange["idProperty"] = "chat_score".into();
    assert_eq!(upsert(&mut hubspot, &[strange]).status, 400, "not a unique property");
    assert_eq!(hubspot.contacts.len(), 100);
}

#[test]
fn an_email_that_another_contact_has_is_a_conflict() {
    let mut hubspot = ready();
    assert_eq!(upsert(&mut hubspot, &[input(1, json!({"email": "ann@example.org"}))]).status, 200);
    let owner = hubspot.contacts.having("email", "ANN@example.org").unwrap().id;
    let answer = upsert(&mut hubspot, &[input(2, json!({"email": "Ann@Example.org"})), input(3, json!({}))]);
    let body = parsed(&answer);
    assert_eq!((answer.status, &body["category"]), (409, &json!("CONFLICT")));
    assert_eq!(body["message"], format!("Contact already exists. Existing ID: {owner}"));
    assert_eq!(hubspot.contacts.len(), 1);
    let within = [input(4, json!({"email": "x@example.org"})), input(5, json!({"email": "x@example.org"}))];
    assert_eq!(upsert(&mut hubspot, &within).status, 409, "also between rows of one batch");
    hubspot.settings.partial = true;
    let told = parsed(&upsert(&mut hubspot, &within));
    assert_eq!(
        (&told["errors"][0]["category"], &told["errors"][0]["context"]["objectWriteTraceId"][0]),
        (&json!("CONFLICT"), &json!("w-5"))
    );
    let created = post(&mut hubspot, CONTACTS, &json!({"properties": {"email": "ann@example.org"}}));
    assert_eq!(created.status, 409);
    assert_eq!(
        upsert(&mut hubspot, &[input(1, json!({"email": "ann@example.org"}))]).status,
        200,
        "its own is no conflict"
    );
}

#[test]
fn reading_finds_by_id_or_by_key_and_lists_what_is_not_there() {
    let mut hubspot = ready();
    upsert(&mut hubspot, &[input(1, json!({"firstname": "Ann"})), input(2, json!({}))]);
    let wanted = json!({"idProperty": KEY, "properties": [KEY, "firstname"],
        "inputs": [{"id": "chat2desk-acme-1"}, {"id": "chat2desk-acme-2"}]});
    let read = format!("{CONTACTS}/batch/read");
    let answer = post(&mut hubspot, &read, &wanted);
    let body = parsed(&answer);
    assert_eq!((answer.status, body["results"].as_array().unwrap().len()), (200, 2));
    assert_eq!(body["results"][1]["properties"]["firstname"], "Ann");
    assert_eq!(body["results"][0]["properties"]["firstname"], Value::Null);
    let wanted =
        json!({"idProperty": KEY, "properties": [], "inputs": [{"id": "chat2desk-acme-1"}, {"id": "gone"}]});
    let answer = post(&mut hubspot, &read, &wanted);
    let body = parsed(&answer);
    assert_eq!((answer.status, &body["numErrors"]), (207, &json!(1)));
    assert_eq!(
        (&body["errors"][0]["category"], &body["errors"][0]["context"]["ids"]),
        (&json!("OBJECT_NOT_FOUND"), &json!(["gone"]))
    );

    let path = format!("{CONTACTS}/chat2desk-acme-1?idProperty={KEY}&properties=firstname");
    let one = parsed(&get(&mut hubspot, &path));
    assert_eq!(one["properties"]["firstname"], "Ann");
    let changed = call(&mut hubspot, "PATCH", &path, Some(&json!({"properties": {"firstname": "Anna"}})));
    assert_eq!((changed.status, &parsed(&changed)["properties"]["firstname"]), (200, &json!("Anna")));
    let dated = format!("/crm/objects/2026-03/0-1/{}?properties=firstname", one["id"].as_str().unwrap());
    assert_eq!(parsed(&get(&mut hubspot, &dated))["properties"]["firstname"], "Anna");
    assert_eq!(
        get(&mut hubspot, "/crm/objects/1999-01/contacts/1").status,
        404,
        "a version that is not served"
    );
    let missing = get(&mut hubspot, &format!("{CONTACTS}/5"));
    assert_eq!((missing.status, &parsed(&missing)["category"]), (404, &json!("OBJECT_NOT_FOUND")));
}

#[test]
fn what_was_deleted_or_merged_away_is_made_again_by_its_key() {
    let mut hubspot = ready();
    upsert(&mut hubspot, &[input(1, json!({"phone": "1"})), input(2, json!({})), input(3, json!({}))]);
    let id = |hubspot: &HubSpot, n: usize| {
        hubspot.contacts.having(KEY, &format!("chat2desk-acme-{n}")).unwrap().id
    };
    let (one, two, three) = (id(&hubspot, 1), id(&hubspot, 2), id(&hubspot, 3));

    let merge = json!({"primaryObjectId": two.to_string(), "objectIdToMerge": one.to_string()});
    assert_eq!(post(&mut hubspot, &format!("{CONTACTS}/merge"), &merge).status, 200);
    let loser = parsed(&get(&mut hubspot, &format!("{CONTACTS}/{one}?properties=phone")));
    assert_eq!(
        (&loser["id"], &loser["properties"]["phone"]),
        (&json!(two.to_string()), &json!("1")),
        "the loser's id leads to the winner"
    );
    let again = parsed(&upsert(&mut hubspot, &[input(1, json!({}))]));
    assert_eq!(again["results"][0]["new"], true, "its key did not survive");
    assert_eq!(hubspot.contacts.creates(KEY)["chat2desk-acme-1"], 2);

    let path = format!("{CONTACTS}/{three}");
    assert_eq!(call(&mut hubspot, "DELETE", &path, None).status, 204);
    assert_eq!(get(&mut hubspot, &path).status, 404);
    assert_eq!(parsed(&upsert(&mut hubspot, &[input(3, json!({}))]))["results"][0]["new"], true);
    let erase = format!("{CONTACTS}/gdpr-delete");
    assert_eq!(post(&mut hubspot, &erase, &json!({"objectId": three.to_string()})).status, 204);
    assert!(hubspot.contacts.iter().all(|contact| contact.id != three));
    assert_eq!(post(&mut hubspot, &erase, &json!({"objectId": "5"})).status, 404);
    let trap = json!({"objectId": "new@example.org", "idProperty": "email"});
    assert_eq!(post(&mut hubspot, &erase, &trap).status, 204);
    assert_eq!(
        upsert(&mut hubspot, &[input(9, json!({"email": "new@example.org"}))]).status,
        400,
        "blocked for ever"
    );
}

#[test]
fn properties_and_groups_are_made_once_and_told_as_they_are() {
    let mut hubspot = ready();
    let path = "/crm/v3/properties/contacts";
    let key = parsed(&get(&mut hubspot, &format!("{path}/{KEY}")));
    assert_eq!(
        (&key["hasUniqueValue"], &key["fieldType"], &key["groupName"]),
        (&json!(true), &json!("text"), &json!("chatledger"))
    );
    let mut again = key.clone();
    assert_eq!(post(&mut hubspot, path, &again).status, 409);
    assert_eq!(
        post(&mut hubspot, &format!("{path}/groups"), &json!({"name": "chatledger", "label": "x"})).status,
        409
    );
    for (field, value) in
        [("groupName", "nowhere"), ("fieldType", "select"), ("type", "poem"), ("name", "Upper Case")]
    {
        again = key.clone();
        again["name"] = "another".into();
        again[field] = value.into();
        assert_eq!(post(&mut hubspot, path, &again).status, 400, "{field}");
    }
    let unique =
        call(&mut hubspot, "PATCH", &format!("{path}/{KEY}"), Some(&json!({"hasUniqueValue": false})));
    assert_eq!(unique.status, 400, "final");
    let options = json!({"options": [{"label": "Fax", "value": "fax"}]});
    assert_eq!(call(&mut hubspot, "PATCH", &format!("{path}/chat_transport"), Some(&options)).status, 200);
    assert_eq!(upsert(&mut hubspot, &[input(1, json!({"chat_transport": "fax"}))]).status, 200);
    let all = parsed(&get(&mut hubspot, "/crm/properties/2026-03/contacts"));
    assert!(all["results"].as_array().unwrap().iter().any(|property| property["name"] == "email"));
    assert_eq!(get(&mut hubspot, &format!("{path}/nothing")).status, 404);
    for number in 2..=10 {
        again = key.clone();
        again["name"] = format!("unique_{number}").into();
        assert_eq!(post(&mut hubspot, path, &again).status, 201);
    }
    again["name"] = "unique_11".into();
    assert_eq!(post(&mut hubspot, path, &again).status, 400, "ten at most");
    assert_eq!(parsed(&get(&mut hubspot, "/account-info/v3/details"))["portalId"], 24_700_001);
}

#[test]
fn a_wrong_token_is_401_and_a_missing_scope_is_403() {
    let mut hubspot = ready();
    let stranger = Call { path: CONTACTS.into(), ..Call::default() };
    let answer = hubspot.answer(&stranger, now());
    assert_eq!((answer.status, &parsed(&answer)["category"]), (401, &json!("INVALID_AUTHENTICATION")));
    hubspot.settings.scopes.remove("crm.objects.contacts.write");
    let answer = upsert(&mut hubspot, &[input(1, json!({}))]);
    let body = parsed(&answer);
    assert_eq!((answer.status, &body["category"]), (403, &json!("MISSING_SCOPES")));
    assert_eq!(body["errors"][0]["context"]["requiredGranularScopes"][0], "crm.objects.contacts.write");
    let wanted = json!({"properties": [], "inputs": [{"id": "1"}]});
    assert_eq!(
        post(&mut hubspot, &format!("{CONTACTS}/batch/read"), &wanted).status,
        207,
        "reading is allowed"
    );
}

#[test]
fn calls_are_counted_in_ten_seconds_and_in_a_day_and_the_headers_say_so() {
    let mut hubspot = ready();
    hubspot.settings.ten_secondly = 10;
    hubspot.settings.daily = 12;
    let call = Call {
        method: "GET".into(),
        path: "/account-info/v3/details".into(),
        headers: vec![("authorization".into(), "Bearer pat-example".into())],
        ..Call::default()
    };
    let header = |answer: &Answer, name: &str| {
        let found = answer.headers.iter().find(|(own, _)| *own == name);
        found.map(|(_, value)| value.clone()).unwrap()
    };
    // Five were used for the set-up.
    for left in (0..5).rev() {
        let answer = hubspot.answer(&call, now());
        assert_eq!(answer.status, 200);
        assert_eq!(header(&answer, "x-hubspot-ratelimit-remaining"), left.to_string());
    }
    let limited = hubspot.answer(&call, now());
    let body = parsed(&limited);
    assert_eq!((limited.status, &body["policyName"]), (429, &json!("TEN_SECONDLY_ROLLING")));
    assert_eq!((&body["errorType"], &body["category"]), (&json!("RATE_LIMIT"), &json!("RATE_LIMITS")));
    assert_eq!(header(&limited, "x-hubspot-ratelimit-interval-milliseconds"), "10000");
    let later = now() + TimeDelta::seconds(10);
    assert_eq!(hubspot.answer(&call, later).status, 200);
    assert_eq!(header(&hubspot.answer(&call, later), "x-hubspot-ratelimit-daily-remaining"), "0");
    let spent = hubspot.answer(&call, later);
    assert_eq!((spent.status, &parsed(&spent)["policyName"]), (429, &json!("DAILY")));
    assert_eq!(hubspot.tally.throttled, 2);
    assert_eq!(hubspot.answer(&call, now() + TimeDelta::days(1)).status, 200);
}

#[test]
fn a_person_edits_on_the_screen_and_settings_change_by_control() {
    let mut hubspot = ready();
    upsert(&mut hubspot, &[input(1, json!({"firstname": "Ann"}))]);
    let edit = json!({"id": "chat2desk-acme-1", "id_property": KEY, "properties": {"firstname": "Dr <Ann>"}});
    assert_eq!(control(&mut hubspot, "POST", "/control/edit", &edit).unwrap(), Some(json!({"done": true})));
    control(&mut hubspot, "POST", "/control/settings", &json!({"partial": true, "token": "other"})).unwrap();
    assert!(hubspot.settings.partial && hubspot.settings.token == "other");
    assert!(control(&mut hubspot, "POST", "/control/settings", &json!({"nonsense": 1})).is_err());
    assert_eq!(control(&mut hubspot, "GET", "/control/nothing", &Value::Null), Ok(None));
    let state = control(&mut hubspot, "GET", "/control/state", &Value::Null).unwrap().unwrap();
    assert_eq!(state["contacts"][0]["properties"]["firstname"], "Dr <Ann>");
    assert_eq!((&state["creates"][KEY]["chat2desk-acme-1"], &state["in_use"]), (&json!(1), &json!(1)));
    assert!(state["settings"]["token"].is_null());
    let page = Call {
        method: "GET".into(),
        path: format!("/contacts/1/record/0-1/{}", state["contacts"][0]["id"].as_str().unwrap()),
        ..Call::default()
    };
    let page = hubspot.answer(&page, now());
    assert!(page.status == 200 && page.body.contains("Dr &lt;Ann&gt;"));
}

fn control(hubspot: &mut HubSpot, method: &str, path: &str, body: &Value) -> Result<Option<Value>, String> {
    let body = body.to_string().into_bytes();
    hubspot.command(&Call { method: method.into(), path: path.into(), body, ..Call::default() }, now())
}
