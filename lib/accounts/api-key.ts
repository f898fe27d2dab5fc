/**
 * An API key: `gw_<environment>_` and 43 characters of URL-safe base64 (CM-12.5), of which the last six are a checksum of
 * everything before them. A mistyped or made-up key is thus refused without asking any store (B4, B5).
 */
export type KeyEnvironment = "live" | "test" | "staging" | "dev";

const SHAPE = /^gw_(live|test|staging|dev)_[A-Za-z0-9_-]{43}$/;
const RANDOM_CHARACTERS = 37;
const CHECKSUM_CHARACTERS = 6;
/** The longest prefix and the 43 characters: anything longer is refused before it is looked at. */
const MAX_KEY_CHARACTERS = "gw_staging_".length + RANDOM_CHARACTERS + CHECKSUM_CHARACTERS;

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** A new key with 222 random bits. */
export function createApiKey(environment: KeyEnvironment): string {
  const random = crypto.getRandomValues(new Uint8Array(RANDOM_CHARACTERS));
  const text = Array.from(random, (byte) => ALPHABET.charAt(byte & 63)).join("");
  const unsigned = `gw_${environment}_${text}`;
  return unsigned + checksum(unsigned);
}

/** True for a key that we could have made. Costs no store call, and next to nothing for a hostile input. */
export function isWellFormedKey(key: string): boolean {
  if (key.length > MAX_KEY_CHARACTERS || !SHAPE.test(key)) return false;
  return checksum(key.slice(0, -CHECKSUM_CHARACTERS)) === key.slice(-CHECKSUM_CHARACTERS);
}

/** Two rounds of FNV-1a over the text, 36 bits of them. It finds typing errors; the hash in the database is what guards. */
function checksum(text: string): string {
  const low = fnv1a(text, 0x811c9dc5);
  const high = fnv1a(text, low ^ 0x5bd1e995);
  let result = "";
  for (let index = 0; index < CHECKSUM_CHARACTERS; index++) {
    const bits = index < 5 ? (low >>> (index * 6)) & 63 : high & 63;
    result += ALPHABET.charAt(bits);
  }
  return result;
}

function fnv1a(text: string, seed: number): number {
  let hash = seed;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}
