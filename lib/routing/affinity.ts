/**
 * Highest-random-weight hashing ("rendezvous", Thaler and Ravishankar 1998): a session goes to the place with the lowest
 * draw, everywhere alike and without anything being stored; when a place is gone only its own sessions move, and to where
 * they would all have gone second. The same draw with a random number instead of a hash spreads calls that have no session.
 */

/** A number in (0, 1), the same for the same texts on every machine: FNV-1a over the characters, then murmur3's finaliser. */
export function hashFraction(...texts: readonly string[]): number {
  let hash = 0x811c9dc5;
  for (const text of texts) {
    for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
    hash = Math.imul(hash ^ 0x1f, 0x01000193); // where one text ends and the next begins
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32 || 2 ** -33;
}

/** A number in (0, 1) that nobody can tell beforehand. */
export function randomFraction(): number {
  const [random = 0] = crypto.getRandomValues(new Uint32Array(1));
  return random / 2 ** 32 || 2 ** -33;
}

/**
 * A place's draw: the lowest wins, and wins in proportion to its weight (Efraimidis and Spirakis, 2006).
 * @param fraction in (0, 1), from a hash or from chance
 * @param weight above 0
 */
export function drawOf(fraction: number, weight: number): number {
  return -Math.log(fraction) / weight;
}
