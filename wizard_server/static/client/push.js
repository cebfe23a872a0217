import { createBackoff } from "./backoff.js";
import { retryAfter } from "./problems.js";

/** @import { PollingConfig, WizardClient } from "./client.types.js" */
/** @import { Connect, Ended, Receiver } from "./parts.types.js" */

/** The server gives a sign of life every 15 s by default; two missed and the line counts as dead. */
const SILENCE_MS = 45_000;
const TOKEN_ENDED = 4001;

/** Keep one push connection open until stopped. `connect` opens it and resolves when it has ended. @param {PollingConfig} config @param {Connect} connect @param {Receiver["onOpen"]} onOpen */
function keepOpen(config, connect, onOpen) {
  const backoff = createBackoff(config);
  let stopped = false;
  let attempt = new AbortController();
  let poke = () => {};

  async function run() {
    while (!stopped) {
      const { signal } = (attempt = new AbortController());
      const current = attempt;
      /** @type {ReturnType<typeof setTimeout> | undefined} */
      let silence;
      const listen = () => {
        clearTimeout(silence);
        silence = setTimeout(() => current.abort(), SILENCE_MS);
      };
      listen();
      /** @type {Ended} */
      const ended = await connect(signal, () => (listen(), backoff.reset())).catch((error) => ({ reason: String(error) }));
      clearTimeout(silence);
      if (stopped) return;
      onOpen(false, ended.reason);
      const pause = backoff.next(ended.retryAfterMs);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, pause);
        poke = () => (clearTimeout(timer), resolve(undefined));
      });
    }
  }
  void run();
  return {
    stop() {
      stopped = true;
      attempt.abort();
      poke();
    },
    /** Connect again: the line may be back, or what is open may be dead. */
    retry() {
      attempt.abort();
      poke();
    },
  };
}

/** The WebSocket. A browser gives it no headers, so the token goes as a subprotocol. @param {WizardClient} client @param {string} id @param {PollingConfig} config @param {Receiver} receiver */
export function openSocket(client, id, config, receiver) {
  const base = client.root || globalThis.location?.origin || "";
  const address = `ws${base.replace(/^http/, "")}/ws/investigation/${encodeURIComponent(id)}`;
  let expired = false;
  return keepOpen(config, async (signal, alive) => {
    const Socket = client.WebSocket ?? globalThis.WebSocket;
    const token = await client.currentToken(expired);
    if (signal.aborted) return {};
    const since = receiver.since();
    const socket = new Socket(since ? `${address}?since_version=${since}` : address, token ? [`bearer.${token}`] : []);
    return new Promise((resolve) => {
      signal.addEventListener("abort", () => {
        socket.close();
        resolve({ reason: "silent" });
      });
      socket.onclose = ({ code, reason }) => {
        expired = code === TOKEN_ENDED;
        resolve({ reason: code === 1001 ? "draining" : reason || String(code) });
      };
      socket.onerror = () => {};
      socket.onmessage = ({ data }) => {
        if (signal.aborted) return;
        alive();
        const message = JSON.parse(data);
        const first = message.type === "connection_established";
        if (first) receiver.onOpen(true);
        if (message.state) receiver.onState(message.state, first && message.version < since);
        else if (message.type === "state_updated") receiver.onChange(message);
      };
    });
  }, receiver.onOpen);
}

/** Server-sent events over `fetch`, which can send headers where `EventSource` cannot. @param {WizardClient} client @param {string} id @param {PollingConfig} config @param {Receiver} receiver */
export function openEvents(client, id, config, receiver) {
  return keepOpen(config, async (signal, alive) => {
    const since = receiver.since();
    const response = await client.send(`/api/v1/events/wizard-state/${encodeURIComponent(id)}`, {
      headers: { Accept: "text/event-stream", ...(since ? { "Last-Event-ID": String(since) } : {}) },
      signal,
    });
    if (!response.ok || !response.body) {
      return { reason: String(response.status), retryAfterMs: retryAfter(response.headers.get("Retry-After"), Date.now()) };
    }
    receiver.onOpen(true);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    let first = true;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return {};
      alive();
      const events = (text + value).split("\n\n");
      text = /** @type {string} */ (events.pop());
      for (const event of events) {
        const { name, data } = parsed(event);
        if (name === "closed") return { reason: data.reason };
        if (name === "state") receiver.onState(data, first && data.version < since);
        if (name === "change") receiver.onChange(data);
        first &&= !name;
      }
    }
  }, receiver.onOpen);
}

/** @param {string} event */
function parsed(event) {
  const members = new Map(event.split("\n").map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
  }));
  return { name: members.get("event"), data: JSON.parse(members.get("data") ?? "{}") };
}
