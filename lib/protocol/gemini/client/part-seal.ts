import type { ReasoningPart } from "../../chat-request.ts";
import { type JsonObject, type JsonValue, objectsOf, stringOf } from "../../json.ts";
import { googleSignature, markSignature } from "../signature.ts";
import { fieldOf } from "./fields.ts";

/**
 * A `thoughtSignature` is bytes in base64, which Google alone can read. What another vendor has signed or sealed travels in it
 * behind a mark, base64 again, so that clients which decode it can.
 */
const SIGNED = "gw1:signed:";
const SEALED = "gw1:sealed:";
/** The base64 of both begins with these letters. */
const MARKED = "Z3cxOnN";

/** A vendor's signature as a part carries it; Google's own as Google wrote it. */
export function signatureForPart(signature: string): string {
  return googleSignature(signature) ?? base64Of(SIGNED + signature);
}

export function sealForPart(data: string): string {
  return base64Of(SEALED + data);
}

/** What a part's signature stands for. */
export function openPartSignature(signature: string): Pick<ReasoningPart, "signature" | "redacted"> {
  if (!isOurs(signature)) return { signature: markSignature(signature) };
  const text = textOf(signature);
  if (text.startsWith(SEALED)) return { redacted: text.slice(SEALED.length) };
  return { signature: text.slice(SIGNED.length) };
}

/** Contents without what this gateway wrote into signatures, which Google would not take; null where there is none. */
export function withoutForeignSignatures(contents: JsonValue | undefined): readonly JsonObject[] | null {
  let found = false;
  const cleaned = objectsOf(contents).map((content) => {
    const parts = objectsOf(content["parts"]).map((part) => {
      if (!isOurs(stringOf(fieldOf(part, "thoughtSignature")))) return part;
      found = true;
      const { thoughtSignature: _, thought_signature: __, ...rest } = part;
      return rest;
    });
    return { ...content, parts: parts.filter((part) => part["thought"] !== true || stringOf(part["text"]) !== "") };
  });
  return found ? cleaned : null;
}

function isOurs(signature: string): boolean {
  return signature.startsWith(MARKED);
}

function base64Of(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function textOf(base64: string): string {
  try {
    return new TextDecoder().decode(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  } catch {
    return "";
  }
}
