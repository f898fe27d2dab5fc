import type { MediaSource } from "./chat-request.ts";

/** A base64 `data:` URL is taken apart; any other URL is for the provider to fetch, never for us (security K3). */
export function mediaSourceOf(url: string): MediaSource {
  const match = /^data:([^;,]*)(?:;[^;,]*)*;base64,/.exec(url);
  if (match === null) return { kind: "url", url };
  return { kind: "base64", mediaType: match[1] ?? "", data: url.slice(match[0].length) };
}
