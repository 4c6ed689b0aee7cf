// Asks for the page again every few seconds and changes only what differs, so that nothing flickers, what is open stays
// open, and focus and selection stay where they are. Without this script the page is whole, and loads itself again.
"use strict";

const PAUSE = 5000;
const PATIENCE = 20000;

const trouble = document.getElementById("trouble");
const isLive = document.querySelector(".periods") !== null || document.getElementById("failed") !== null;
let timer = null;

document.documentElement.classList.add("scripted");

const select = document.getElementById("account");
if (select) select.addEventListener("change", () => select.form.submit());

/** What a child is known by among its siblings. */
const keyOf = (node) => (node.nodeType === 1 && (node.dataset.key || node.id)) || null;

/** Makes `old` like `fresh`, touching what differs only. Both are of one name. */
function morph(old, fresh) {
  if (old.nodeType !== 1) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  for (const { name } of [...old.attributes]) {
    const isReaders = old.nodeName === "DETAILS" && name === "open";
    if (!fresh.hasAttribute(name) && !isReaders) old.removeAttribute(name);
  }
  morphChildren(old, fresh);
}

function morphChildren(old, fresh) {
  // What goes, goes first: then most of what stays need not move, and a row that moves loses the focus.
  const wanted = new Set([...fresh.childNodes].map(keyOf));
  const keyed = new Map();
  for (const child of [...old.childNodes]) {
    const key = keyOf(child);
    if (!key) continue;
    if (wanted.has(key) && !keyed.has(key)) keyed.set(key, child);
    else child.remove();
  }
  let place = old.firstChild;
  for (const next of [...fresh.childNodes]) {
    const key = keyOf(next);
    let found = key ? keyed.get(key) : place;
    // One without a key never takes the place of one that has another use for it.
    while (!key && found && keyOf(found)) found = found.nextSibling;
    if (found && found.nodeName === next.nodeName) {
      if (key) keyed.delete(key);
      if (found === place) place = place.nextSibling;
      else old.insertBefore(found, place);
      morph(found, next);
    } else {
      old.insertBefore(document.importNode(next, true), place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

function show(fresh) {
  const focused = document.activeElement;
  document.title = fresh.title;
  for (const id of ["content", "moment"]) {
    const [old, wanted] = [document.getElementById(id), fresh.getElementById(id)];
    if (old && wanted) morph(old, wanted);
  }
  if (focused.isConnected && focused !== document.activeElement) focused.focus({ preventScroll: true });
}

function tell(text) {
  document.documentElement.classList.toggle("lost", text !== null);
  trouble.hidden = text === null;
  if (text !== null && trouble.textContent !== text) trouble.textContent = text;
}

async function refresh() {
  clearTimeout(timer);
  timer = null;
  // By the server's clock, in the account's zone, as it stands on the page.
  const clock = document.querySelector("#moment time")?.textContent;
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.ok && document.getElementById("failed")) {
      location.reload();
      return;
    }
    if (answer.ok && fresh.getElementById("content")) {
      show(fresh);
      tell(null);
    } else if (document.getElementById("failed")) {
      tell(null);
    } else if (answer.status === 503) {
      tell(`The database does not answer. These are the figures of ${clock}. Trying again.`);
    } else if (answer.status === 401 || answer.status === 403) {
      tell("The server asks who you are: load the page again.");
    } else {
      tell(`The server answers with an error (${answer.status}). These are the figures of ${clock}. Trying again.`);
    }
  } catch {
    tell(`The server cannot be reached. These are the figures of ${clock}. Trying again.`);
  }
  plan();
}

function plan() {
  if (timer === null && !document.hidden) timer = setTimeout(refresh, PAUSE);
}

if (isLive) {
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) {
      clearTimeout(timer);
      timer = null;
    } else {
      refresh();
    }
  });
  plan();
}
