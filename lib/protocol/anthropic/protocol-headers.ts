import { GatewayError } from "../../errors/gateway-error.ts";
import type { ProtocolHeaders } from "../client-format.ts";

/** The version that this gateway speaks; a client without one gets it too. */
export const ANTHROPIC_VERSION = "2023-06-01";

const VERSION = /^\d{4}-\d{2}-\d{2}$/;
/** As Anthropic names them: `interleaved-thinking-2025-05-14`. */
const BETA = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const MAX_BETAS = 32;

/**
 * What of a client's headers belongs to Anthropic's protocol (docs.anthropic.com/en/api/versioning and beta-headers, read
 * 2026-11-24): a version newer than ours, and betas. Only what has their shape leaves this function.
 * @throws GatewayError `invalid_value`, naming the header
 */
export function readAnthropicHeaders(headers: Headers): ProtocolHeaders {
  const version = headers.get("anthropic-version");
  if (version !== null && !VERSION.test(version)) {
    throw refused("anthropic-version", `anthropic-version must be a date such as ${ANTHROPIC_VERSION}.`);
  }
  const betas = readBetas(headers.get("anthropic-beta") ?? "");
  return {
    ...(version !== null && version > ANTHROPIC_VERSION ? { "anthropic-version": version } : {}),
    ...(betas.length === 0 ? {} : { "anthropic-beta": betas.join(",") }),
  };
}

function readBetas(header: string): readonly string[] {
  const betas = header.split(",").flatMap((entry) => (entry.trim() === "" ? [] : [entry.trim()]));
  if (betas.length > MAX_BETAS || !betas.every((beta) => BETA.test(beta))) {
    const shape = `anthropic-beta must be at most ${MAX_BETAS} names with commas between: letters, digits, ".", "_" and "-".`;
    throw refused("anthropic-beta", shape);
  }
  return [...new Set(betas)];
}

function refused(header: string, message: string): GatewayError {
  return new GatewayError("invalid_value", message, { param: header });
}
