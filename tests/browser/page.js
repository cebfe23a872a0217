// What a front end does with the API, as the platform offers it: fetch and WebSocket, no library. Each function returns
// plain data, and only what a page of another origin is allowed to read.
"use strict";

async function ask(url, options = {}) {
  const answer = await fetch(url, options);
  const text = await answer.text();
  const type = answer.headers.get("Content-Type") || "";
  const body = type.includes("json") && text ? JSON.parse(text) : text;
  return { status: answer.status, headers: Object.fromEntries(answer.headers), body };
}

async function askTogether(url, options, count) {
  return Promise.all(Array.from({ length: count }, () => ask(url, options)));
}

// Begin a long-poll, change the state as soon as the poll is parked, and return both answers.
async function pollAndChange(pollUrl, healthUrl, changeUrl, options, change) {
  const polled = ask(pollUrl, options);
  while ((await ask(healthUrl)).body.server_load.active_connections === 0) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const changed = await ask(changeUrl, change);
  return { changed, polled: await polled };
}

// Read server-sent events with a token in a header, which EventSource cannot; stop after `count` of them.
async function readEvents(url, headers, count) {
  const stop = new AbortController();
  const answer = await fetch(url, { headers, signal: stop.signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  const events = [];
  let text = "";
  while (events.length < count) {
    const { value, done } = await reader.read();
    if (done) break;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop();
    for (const block of blocks) {
      const fields = Object.fromEntries(block.split("\n").map((line) => line.split(/:\s?(.*)/s).slice(0, 2)));
      if (fields.event) events.push({ id: fields.id, event: fields.event, data: JSON.parse(fields.data) });
    }
  }
  stop.abort();
  return { headers: Object.fromEntries(answer.headers), events: events.slice(0, count) };
}

// Open a WebSocket, send `messages` once the first one has come, and return what comes until there are `count`.
function readSocket(url, protocols, messages, count) {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, protocols);
    const received = [];
    socket.onerror = () => reject(new Error("the WebSocket failed"));
    socket.onmessage = ({ data }) => {
      received.push(JSON.parse(data));
      if (received.length === 1) messages.forEach((message) => socket.send(JSON.stringify(message)));
      if (received.length === count) {
        socket.onclose = ({ code }) => resolve({ protocol: socket.protocol, received, code });
        socket.close(1000);
      }
    };
  });
}

// The browser client in a page: a store, and the versions that it had.
async function openStore(url, token, id, options = {}) {
  const { createClient, createWizardStore } = await import(`${url}/static/client/index.js`);
  const store = createWizardStore({ client: createClient({ baseUrl: url, token }), ...options });
  const versions = [];
  store.subscribe(({ serverState }, previous) => {
    if (serverState && serverState.version !== previous.serverState?.version) versions.push(serverState.version);
  });
  Object.assign(globalThis, { store, versions });
  await store.getState().openInvestigation(id);
}

async function whatIsSeen() {
  const { wizardState, serverState, localChanges, conflict, connection, error, polling } = store.getState();
  const polls = performance.getEntriesByType("resource").filter(({ name }) => name.includes("/polling/")).length;
  return { wizardState, serverState, localChanges, conflict, connection, error, polling, versions, polls };
}

async function edit(changes) {
  const { settings } = store.getState().wizardState;
  void store.getState().updateWizardState({ settings: { ...settings, ...changes } });
}

async function decide(choice, url) {
  const { merge } = await import(`${url}/static/client/index.js`);
  const { base, mine, theirs } = store.getState().conflict;
  const { merged, conflicts } = merge(base, mine, theirs);
  store.getState().resolveConflict(choice === "merged" ? merged : choice);
  return conflicts;
}
