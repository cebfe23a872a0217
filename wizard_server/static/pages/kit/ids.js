const ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz";

/** A short name for a new investigation: "inv-7kq2mxw4tr". */
export const newId = () => `inv-${Array.from(crypto.getRandomValues(new Uint8Array(10)), (byte) => ALPHABET[byte % ALPHABET.length]).join("")}`;
