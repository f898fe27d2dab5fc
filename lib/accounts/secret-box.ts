import { GatewayError } from "../errors/gateway-error.ts";
import type { EncryptionKey } from "../ports/configuration.ts";

const IV_BYTES = 12;

/**
 * Seals what must be read again but not by whoever reads the database: AES-256-GCM under the operator's keys. The first key
 * seals; every key opens what was sealed under its id, so that a new one can be put before the old.
 */
export class SecretBox {
  readonly #keys: readonly EncryptionKey[];
  readonly #imported = new Map<string, Promise<CryptoKey>>();

  constructor(keys: readonly EncryptionKey[]) {
    this.#keys = keys;
  }

  get isConfigured(): boolean {
    return this.#keys.length > 0;
  }

  /** @throws GatewayError `encryption_not_configured` */
  assertConfigured(): void {
    if (this.isConfigured) return;
    throw new GatewayError(
      "encryption_not_configured",
      "This gateway keeps no secrets: its operator has to set ENCRYPTION_KEYS first.",
    );
  }

  /** @param context what it belongs to: only with the same one can it be opened, so that rows cannot be exchanged */
  async seal(text: string, context: string): Promise<string> {
    this.assertConfigured();
    const [key] = this.#keys;
    if (key === undefined) throw new Error("unreachable: a key was asserted");
    const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
    const sealed = await crypto.subtle.encrypt(
      { name: "AES-GCM", iv, additionalData: bytesOf(context) },
      await this.#import(key),
      bytesOf(text),
    );
    return `${key.id}.${base64Of(iv)}.${base64Of(new Uint8Array(sealed))}`;
  }

  /** @throws Error for what was changed, belongs elsewhere, or is under a key that is not configured any more */
  async open(sealed: string, context: string): Promise<string> {
    const [id = "", iv = "", content = ""] = sealed.split(".");
    const key = this.#keys.find((each) => each.id === id);
    if (key === undefined) throw new Error("The key that this was sealed with is not configured.");
    const opened = await crypto.subtle.decrypt(
      { name: "AES-GCM", iv: fromBase64(iv), additionalData: bytesOf(context) },
      await this.#import(key),
      fromBase64(content),
    );
    return new TextDecoder().decode(opened);
  }

  #import({ id, secret }: EncryptionKey): Promise<CryptoKey> {
    const known = this.#imported.get(id);
    if (known !== undefined) return known;
    const imported = crypto.subtle.importKey("raw", fromBase64(secret), "AES-GCM", false, ["encrypt", "decrypt"]);
    this.#imported.set(id, imported);
    return imported;
  }
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function base64Of(bytes: Uint8Array): string {
  let text = "";
  for (let index = 0; index < bytes.length; index += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(index, index + 0x8000));
  }
  return btoa(text);
}

function fromBase64(text: string): Uint8Array<ArrayBuffer> {
  const decoded = atob(text);
  const bytes = new Uint8Array(decoded.length);
  for (let index = 0; index < decoded.length; index++) bytes[index] = decoded.charCodeAt(index);
  return bytes;
}
