/** A new name for a mutation; `crypto.randomUUID` is missing on pages that came over plain HTTP. */
export function newId() {
  /** @type {Partial<Crypto>} */
  const { randomUUID } = crypto;
  if (randomUUID) return randomUUID.call(crypto);
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Whose edits and states these are: two users of one browser share neither.
 * @param {import("./client.types.js").WizardClient} client
 */
export async function ownerOf(client) {
  try {
    const claims = (await client.currentToken())?.split(".")[1]?.replaceAll("-", "+").replaceAll("_", "/");
    if (claims) return String(JSON.parse(atob(claims)).sub);
  } catch {
    // no token of ours, or none now
  }
  return client.userId ?? "";
}
