/**
 * Thought signatures are opaque, and only their maker can read them: Google answers 400 to another vendor's. Google's own
 * are therefore marked on their way to the client, so that on the next turn they are told from others. Base64 has no colon.
 */
const MARK = "google:";

/** Google's documented stand-in for a call that it did not sign (ai.google.dev/gemini-api/docs/thought-signatures). */
export const UNSIGNED_CALL = "skip_thought_signature_validator";

export function markSignature(signature: string): string {
  return MARK + signature;
}

/** Google's own signature as Google wrote it, or null for none and for another vendor's. */
export function googleSignature(signature: string | undefined): string | null {
  if (signature === undefined || !signature.startsWith(MARK) || signature.length === MARK.length) return null;
  return signature.slice(MARK.length);
}
