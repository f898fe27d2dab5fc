import type { ReasoningPart } from "../chat-request.ts";

/**
 * OpenAI's `encrypted_content` can only be read by OpenAI. What other vendors sign, or hand out sealed, travels in the same
 * field behind this mark: it is told from OpenAI's own when it comes back, and goes to none but its maker.
 */
const MARK = "gw1:";
const SIGNED = `${MARK}signed:`;
const SEALED = `${MARK}sealed:`;

/** A signature on a thought whose text stands beside it. */
export function sealSignature(signature: string): string {
  return SIGNED + signature;
}

/** A whole thought that only its maker can read. */
export function sealRedacted(data: string): string {
  return SEALED + data;
}

/** What of a reasoning part `encrypted_content` stands for; nothing for OpenAI's own, which no other provider can read. */
export function openSeal(content: string): Pick<ReasoningPart, "signature" | "redacted"> {
  if (content.startsWith(SIGNED)) return { signature: content.slice(SIGNED.length) };
  return content.startsWith(SEALED) ? { redacted: content.slice(SEALED.length) } : {};
}

/** True for what this gateway has written into the field. */
export function isOurSeal(content: string): boolean {
  return content.startsWith(MARK);
}
