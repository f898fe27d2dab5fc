const MAX_CHARACTERS = 300;
/** What looks like a credential, a URL or an organisation's id is cut out of a message (K19). */
const SECRETS =
  /\b(?:sk|pk|gsk|xai|key|org|proj|AIza|csk|fw|r8)[-_][\w*.-]{6,}|\bBearer\s+\S+|https?:\/\/\S+|\b[A-Za-z0-9_-]{40,}\b/g;

/**
 * A provider's explanation of why it refused a request, fit for the client: one line, short, without anything that
 * could be a secret of the operator's. Null when there is nothing left to say.
 */
export function clientMessage(message: string): string | null {
  const clean = message.replace(SECRETS, "[removed]").replace(/\s+/g, " ").trim();
  if (clean === "") return null;
  return clean.length > MAX_CHARACTERS ? `${clean.slice(0, MAX_CHARACTERS - 1)}…` : clean;
}
