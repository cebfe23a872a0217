import { createDrafts } from "./drafts.js";
import { follow } from "./follow.js";
import { ownerOf } from "./ids.js";
import { createSync } from "./sync.js";
import { joinTabs } from "./tabs.js";

/** @import { Channel, FollowStatus, StoreOptions } from "./client.types.js" */
/** @import { Answer, SessionSettings, State } from "./parts.types.js" */

/** One open investigation: its updates, and its line to the server, which the tabs share. @param {SessionSettings} settings */
export function openSession({ client, id, config, storage, channel, transport, state, show, report, refused, received }) {
  /** @type {ReturnType<typeof joinTabs> | null} */
  let tabs = null;
  /** @type {ReturnType<typeof createDrafts> | null} */
  let drafts = null;
  /** @type {State | null} */
  let server = null;
  let owner = "";
  let closed = false;
  let wanted = false;
  /** @type {FollowStatus | null} */
  let status = null;
  let hearing = false;

  const sync = createSync({
    client, id, config, refused,
    save: (queue) => drafts?.save(queue),
    changed(synced) {
      if (synced.server && synced.server !== server && !hearing) tabs?.tell({ kind: "state", id, state: synced.server });
      server = synced.server;
      show(synced);
    },
  });

  /** @param {State} whole */
  function receive(whole, reset = false) {
    if (closed) return;
    received(whole);
    sync.receive(whole, reset);
  }

  async function refresh() {
    let answer = /** @type {Answer} */ (await client.getState(id));
    let { data } = answer;
    let reset = false;
    if (data && data.version < sync.version) {
      // An answer that was overtaken, or the server was restored from a backup: the poll tells.
      answer = await client.poll(id, { sinceVersion: sync.version });
      ({ state: data, reset = false } = answer.data ?? {});
    }
    if (closed) return answer;
    if (data) receive(data, reset);
    else refused(answer.error ?? null);
    return answer;
  }

  async function load() {
    if (state) receive(state);
    owner = await ownerOf(client);
    if (closed) return;
    drafts = createDrafts(storage, `wizard-client:draft:${owner}:${id}`);
    sync.restore(drafts.load());
    if (!state && (await refresh()).status === 404) wanted = false;
  }

  function lead() {
    const followed = follow(client, id, {
      transport, config,
      ...(server ? { state: server } : {}),
      onState(whole, { reset }) {
        receive(whole, reset);
        if (reset) tabs?.tell({ kind: "state", id, state: whole, reset });
      },
      onStatus: (now) => told(now),
    });
    told(followed.polling);
    return () => followed.stop();
  }

  /** @param {FollowStatus} now */
  function told(now, heard = false) {
    if (now.isConnected && !status?.isConnected) sync.hurry();
    status = now;
    if (!closed && wanted) report(now);
    if (!heard) tabs?.tell({ kind: "status", id, status: now });
  }

  const seen = () => {
    if (globalThis.document?.visibilityState === "visible" && !status?.isConnected) tabs?.take();
  };

  function start() {
    if (tabs || closed || !wanted) return;
    const name = `wizard-client:${client.root}:${owner}:${id}`;
    globalThis.document?.addEventListener("visibilitychange", seen);
    tabs = joinTabs({
      name, channel: openChannel(channel, name), lead,
      greet: () => [...(server ? [{ kind: "state", id, state: server }] : []), ...(status ? [{ kind: "status", id, status }] : [])],
      hear(message) {
        if (message?.id !== id) return;
        hearing = true;
        if (message.kind === "state" && message.state) receive(message.state, message.reset);
        if (message.kind === "status" && message.status) told(message.status, true);
        hearing = false;
      },
    });
  }

  function stop() {
    wanted = false;
    globalThis.document?.removeEventListener("visibilitychange", seen);
    tabs?.leave();
    tabs = null;
    status = null;
    report(null);
  }

  const ready = load();
  return {
    id, sync, ready, receive, refresh, stop,
    start() {
      wanted = true;
      void ready.then(start);
    },
    close() {
      stop();
      closed = true;
      sync.stop();
    },
  };
}

/** A channel that was given stays open: it is not ours. @param {StoreOptions["channel"] | undefined} channel @param {string} name @returns {Channel | null} */
function openChannel(channel, name) {
  if (channel === null) return null;
  if (typeof channel === "function") return channel(name);
  if (typeof channel === "string") return new BroadcastChannel(channel);
  if (channel) {
    return { postMessage: (message) => channel.postMessage(message), close() {}, set onmessage(/** @type {any} */ listener) { channel.onmessage = listener; } };
  }
  return globalThis.document && globalThis.BroadcastChannel ? new BroadcastChannel(name) : null;
}
