import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Small secrets that an embedded start keeps between runs, readable by their owner only. */
export interface DataDirectory {
  /** The salt of the key hashes: made at the first start. */
  salt(): string;
  /** The local account's key of the last start, or null. */
  readKey(): string | null;
  saveKey(apiKey: string): void;
}

export function openDataDirectory(path: string): DataDirectory {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const saltFile = join(path, "salt");
  const keyFile = join(path, "key");
  return {
    salt() {
      if (!existsSync(saltFile)) writeFileSync(saltFile, randomBytes(32).toString("hex"), { mode: 0o600 });
      return readFileSync(saltFile, "utf8");
    },
    readKey: () => (existsSync(keyFile) ? readFileSync(keyFile, "utf8") : null),
    saveKey: (apiKey) => writeFileSync(keyFile, apiKey, { mode: 0o600 }),
  };
}
