import { createBackoff } from "./backoff.js";

/**
 * @typedef {import("./client.types.js").WizardClient} WizardClient
 * @typedef {import("./client.types.js").PollingConfig} PollingConfig
 * @typedef {{
 *   since: () => number,
 *   onState: (state: any) => void,
 *   onChange: (change: any) => void,
 *   onOpen: (open: boolean, reason?: string) => void,
 * }} Receiver
 */

/** The server sends a sign of life every 15 s by default; two missed and the line counts as dead. */
const SILENCE_MS = 45_000;

/**
 * Keep one push connection open, again and again, until stopped. `connect` opens it and resolves when it has ended.
 * @param {PollingConfig} config
 * @param {(signal: AbortSignal, alive: () => void) => Promise<{reason?: string, retryAfterMs?: number}>} connect
 * @param {(open: boolean, reason?: string) => void} onOpen
 */
function keepOpen(config, connect, onOpen) {
  const backoff = createBackoff(config);
  const stopping = new AbortController();
  /** @type {AbortController | undefined} */
  let current;
  /** @type {() => void} */
  let poke = () => {};

  async function run() {
    while (!stopping.signal.aborted) {
      const attempt = (current = new AbortController());
      /** @type {ReturnType<typeof setTimeout> | undefined} */
      let silence;
      const alive = () => {
        clearTimeout(silence);
        silence = setTimeout(() => attempt.abort(), SILENCE_MS);
        backoff.reset();
      };
      silence = setTimeout(() => attempt.abort(), SILENCE_MS);
      const ended = await connect(attempt.signal, alive).catch((error) => ({ reason: String(error) }));
      clearTimeout(silence);
      if (stopping.signal.aborted) return;
      onOpen(false, ended.reason);
      const pause = backoff.next("retryAfterMs" in ended ? ended.retryAfterMs : undefined);
      await new Promise((resolve) => {
        poke = () => resolve(undefined);
        setTimeout(poke, pause);
      });
    }
  }
  void run();
  return {
    stop() {
      stopping.abort();
      current?.abort();
      poke();
    },
    /** Try again at once: the line may be back, or what is open may be dead. */
    retry() {
      current?.abort();
      poke();
    },
  };
}

/**
 * The WebSocket. A browser gives it no headers, so the token goes as a subprotocol.
 * @param {WizardClient} client @param {string} id @param {PollingConfig} config @param {Receiver} receiver
 */
export function openSocket(client, id, config, receiver) {
  const Socket = client.WebSocket ?? globalThis.WebSocket;
  const base = client.root || globalThis.location?.origin || "";
  const address = `ws${base.replace(/^http/, "")}/ws/investigation/${encodeURIComponent(id)}`;
  return keepOpen(config, async (signal, alive) => {
    const token = await client.currentToken();
    const since = receiver.since();
    const socket = new Socket(since ? `${address}?since_version=${since}` : address, token ? [`bearer.${token}`] : []);
    return new Promise((resolve) => {
      const end = (/** @type {string | undefined} */ reason) => {
        signal.removeEventListener("abort", abort);
        resolve(reason ? { reason } : {});
      };
      const abort = () => {
        socket.close();
        end("silent");
      };
      signal.addEventListener("abort", abort);
      socket.onclose = (event) => end(event.code === 1001 ? "draining" : event.reason || String(event.code));
      socket.onerror = () => {};
      socket.onmessage = ({ data }) => {
        if (signal.aborted) return;
        alive();
        const message = JSON.parse(data);
        if (message.type === "connection_established") receiver.onOpen(true);
        if (message.state) receiver.onState(message.state);
        else if (message.type === "state_updated") receiver.onChange(message);
      };
    });
  }, receiver.onOpen);
}

/**
 * Server-sent events over `fetch`, which can send headers where `EventSource` cannot.
 * @param {WizardClient} client @param {string} id @param {PollingConfig} config @param {Receiver} receiver
 */
export function openEvents(client, id, config, receiver) {
  return keepOpen(config, async (signal, alive) => {
    const since = receiver.since();
    const response = await client.send(`/api/v1/events/wizard-state/${encodeURIComponent(id)}`, {
      headers: { Accept: "text/event-stream", ...(since ? { "Last-Event-ID": String(since) } : {}) },
      signal,
    });
    if (!response.ok || !response.body) return { reason: String(response.status) };
    receiver.onOpen(true);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return {};
      alive();
      const events = (text + value).split("\n\n");
      text = /** @type {string} */ (events.pop());
      for (const event of events) {
        const { name, data } = parsed(event);
        if (name === "closed") return { reason: JSON.parse(data).reason };
        if (name === "state") receiver.onState(JSON.parse(data));
        if (name === "change") receiver.onChange(JSON.parse(data));
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
  return { name: members.get("event") ?? "", data: members.get("data") ?? "" };
}
