import * as z from "zod";
import { isJsonObject } from "./json.ts";

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

/**
 * Complains of a URL in a request that nobody may be told to fetch, at the place of what is checked (B79, B80). What is no
 * text is no URL.
 */
export function checkMediaUrl(url: unknown, context: z.RefinementCtx): void {
  if (typeof url !== "string" || mayBeFetched(url)) return;
  const message = "Only https URLs of public hosts and data: URLs are accepted here.";
  context.addIssue({ code: "custom", message, params: { code: "url_not_allowed" } });
}

/** The URL of an image or a recording in a request. */
export const mediaUrl = z.string().superRefine(checkMediaUrl);

/** A scheme that anybody knows is shorter. */
const MAX_SCHEME_CHARACTERS = 64;

/**
 * A content part of OpenAI's formats: every member whose name says that it is a URL, whatever the part's type (`image_url`,
 * `file_url`, `video_url`; a text, or an object with `url`), and a file's content, which some providers take by URL.
 */
export function checkPartUrls(part: Readonly<Record<string, unknown>>, context: z.RefinementCtx): void {
  for (const [name, value] of Object.entries(part)) {
    if (name === "url" || name.endsWith("_url")) checkMediaUrl(isJsonObject(value) ? value["url"] : value, context);
    else if (name === "file_data") checkFileData(value, context);
    else if (name === "file" && isJsonObject(value)) checkPartUrls(value, context);
  }
}

/** Base64 without `data:` before it has no scheme. */
function checkFileData(data: unknown, context: z.RefinementCtx): void {
  if (typeof data === "string" && data.slice(0, MAX_SCHEME_CHARACTERS).includes(":")) checkMediaUrl(data, context);
}
