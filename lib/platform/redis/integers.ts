import { notAnInteger } from "./reply-error.ts";

const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;
/** Redis knows no minus zero. */
const INTEGER = /^(?:0|-?[1-9]\d{0,18})$/;

/** A 64-bit integer as Redis reads one. @throws RedisReplyError */
function parseInteger(text: string | undefined): bigint {
  if (text === undefined || !INTEGER.test(text)) throw notAnInteger();
  const value = BigInt(text);
  if (value < MIN || value > MAX) throw notAnInteger();
  return value;
}

/** `current + by`, as the text that is stored. @throws RedisReplyError past 64 bits */
export function addIntegers(current: string | null, by: string | undefined): string {
  const step = parseInteger(by);
  const sum = (current === null ? 0n : parseInteger(current)) + step;
  if (sum < MIN || sum > MAX) throw notAnInteger();
  return String(sum);
}

/** A small integer: a length of time, a count. @throws RedisReplyError */
export function parseNumber(text: string | undefined): number {
  return Number(parseInteger(text));
}

/** An integer reply: exact where JavaScript's numbers are. */
export function integerReply(text: string): number {
  return Number(text);
}
