/**
 * A new request id: `req_` and a UUID of version 7 (RFC 9562, section 5.7) without its dashes, so that ids sort by time.
 * The random bits are those of a version 4 UUID, which runtimes make from a buffered pool.
 */
export function newRequestId(nowMs: number): string {
  const time = nowMs.toString(16).padStart(12, "0");
  const random = crypto.randomUUID();
  return `req_${time}7${random.slice(15, 18)}${random.slice(19, 23)}${random.slice(24)}`;
}
