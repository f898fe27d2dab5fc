import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Small secrets that an embedded start keeps between runs, readable by their owner only. */
export interface DataDirectory {
  /** The salt of the key hashes: made at the first start. */
  salt(): string;
  /** What secrets are sealed under, 32 bytes in base64: made at the first start. */
  encryptionKey(): string;
  /** The local account's key of the last start, or null. */
  readKey(): string | null;
  saveKey(apiKey: string): void;
}

export function openDataDirectory(path: string): DataDirectory {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const keyFile = join(path, "key");
  const kept = (name: string, encoding: "hex" | "base64") => {
    const file = join(path, name);
    if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString(encoding), { mode: 0o600 });
    return readFileSync(file, "utf8");
  };
  return {
    salt: () => kept("salt", "hex"),
    encryptionKey: () => kept("encryption-key", "base64"),
    readKey: () => (existsSync(keyFile) ? readFileSync(keyFile, "utf8") : null),
    saveKey: (apiKey) => writeFileSync(keyFile, apiKey, { mode: 0o600 }),
  };
}
