const PREFIX = "v1.";
const IV_BYTES = 12;
const PIECE = 0x8000;

/**
 * Seals what clients said and were told, under a key made of the operator's secret (HKDF-SHA-256, RFC 5869, then AES-256-GCM):
 * a copy of the database alone tells nothing. Without a secret (embedded stores) content stays as it is.
 */
export class ContentSeal {
  readonly #secret: string;
  #key: Promise<CryptoKey> | null = null;

  constructor(secret: string) {
    this.#secret = secret;
  }

  /** @param owner what the content belongs to: opened under another name it does not open */
  async seal(content: string, owner: string): Promise<string> {
    if (this.#secret === "") return content;
    const encoder = new TextEncoder();
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const parameters = { name: "AES-GCM", iv, additionalData: encoder.encode(owner) };
    const sealed = new Uint8Array(
      await crypto.subtle.encrypt(parameters, await this.#keyOf(), encoder.encode(content)),
    );
    return `${PREFIX}${base64Of(iv)}.${base64Of(sealed)}`;
  }

  /** @throws Error when the content was sealed under another secret, for another owner, or changed */
  async open(content: string, owner: string): Promise<string> {
    if (!content.startsWith(PREFIX)) return content;
    const [iv = "", sealed = ""] = content.slice(PREFIX.length).split(".");
    const additionalData = new TextEncoder().encode(owner);
    const parameters = { name: "AES-GCM", iv: bytesOf(iv), additionalData };
    return new TextDecoder().decode(await crypto.subtle.decrypt(parameters, await this.#keyOf(), bytesOf(sealed)));
  }

  #keyOf(): Promise<CryptoKey> {
    this.#key ??= deriveKey(this.#secret);
    return this.#key;
  }
}

async function deriveKey(secret: string): Promise<CryptoKey> {
  const encoder = new TextEncoder();
  const material = await crypto.subtle.importKey("raw", encoder.encode(secret), "HKDF", false, ["deriveKey"]);
  const parameters = {
    name: "HKDF",
    hash: "SHA-256",
    salt: new Uint8Array(),
    info: encoder.encode("gangway stored responses"),
  };
  return crypto.subtle.deriveKey(parameters, material, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

/** In pieces: an argument list has its limits. */
function base64Of(bytes: Uint8Array): string {
  let binary = "";
  for (let from = 0; from < bytes.length; from += PIECE) {
    binary += String.fromCharCode(...bytes.subarray(from, from + PIECE));
  }
  return btoa(binary);
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
