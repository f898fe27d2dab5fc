import * as z from "zod";

const MAX_URL_CHARACTERS = 8_192;
/** A name of the public internet: labels and a top-level domain of letters, so no address in whatever spelling. */
const PUBLIC_NAME = /^(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/;
const PRIVATE_NAME =
  /(?:^|\.)(?:localhost|local|localdomain|internal|intranet|lan|home|corp|test|invalid|onion|arpa|svc)$/;

/**
 * True for what a provider may be told to fetch: `data:`, or https at a public name's own port. We fetch neither (security
 * K3), but a provider inside our own network could.
 */
function mayBeFetched(url: string): boolean {
  if (url.startsWith("data:")) return true;
  if (url.length > MAX_URL_CHARACTERS || !URL.canParse(url)) return false;
  const { protocol, username, password, port, hostname } = new URL(url);
  const host = hostname.replace(/\.$/, "");
  return (
    protocol === "https:" && username + password + port === "" && PUBLIC_NAME.test(host) && !PRIVATE_NAME.test(host)
  );
}

/** The URL of an image or a recording in a request (B79, B80). */
export const mediaUrl = z.string().superRefine((url, context) => {
  if (mayBeFetched(url)) return;
  const message = "Only https URLs of public hosts and data: URLs are accepted here.";
  context.addIssue({ code: "custom", message, params: { code: "url_not_allowed" } });
});
