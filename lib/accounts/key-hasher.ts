/** Hashes API keys for their lookup: HMAC-SHA-256 under the operator's salt, 64 hex digits (CM-1.3). */
export class KeyHasher {
  readonly #salt: string;
  #key: Promise<CryptoKey> | null = null;

  constructor(salt: string) {
    this.#salt = salt;
  }

  async hash(apiKey: string): Promise<string> {
    const encoder = new TextEncoder();
    this.#key ??= crypto.subtle.importKey("raw", encoder.encode(this.#salt), { name: "HMAC", hash: "SHA-256" }, false, [
      "sign",
    ]);
    const signature = await crypto.subtle.sign("HMAC", await this.#key, encoder.encode(apiKey));
    return Array.from(new Uint8Array(signature), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }
}

/** Compares two secrets in a time that depends on neither: their digests are compared instead. */
export async function secretsMatch(given: string, expected: string): Promise<boolean> {
  const encoder = new TextEncoder();
  const [a, b] = await Promise.all(
    [given, expected].map((text) => crypto.subtle.digest("SHA-256", encoder.encode(text))),
  );
  if (a === undefined || b === undefined) return false;
  const left = new Uint8Array(a);
  const right = new Uint8Array(b);
  let difference = 0;
  for (let index = 0; index < left.length; index++) difference |= (left[index] ?? 0) ^ (right[index] ?? 0);
  return difference === 0;
}
