import { GatewayError } from "../errors/gateway-error.ts";
import type { CallNeed } from "../protocol/client-format.ts";
import type { Model } from "./model.ts";

/**
 * Refuses what a model cannot do (B71, B82). What a model takes in is told by its modality; whether it calls tools by its
 * capabilities, where it has any listed: an empty list is the catalog's silence, not a no. Structured output is left to
 * the provider: the catalog's `json` stands for one way of asking for it, and models without it have others.
 * @param promptField where images and sound stand in the body
 * @throws GatewayError `unsupported_parameter` for tools, `unsupported_modality` for images and sound
 */
export function assertCapable(model: Model, needs: readonly CallNeed[], promptField: string): void {
  for (const need of needs) {
    if (need === "tools" && model.capabilities.length > 0 && !model.capabilities.includes("tools")) {
      throw new GatewayError("unsupported_parameter", `${model.id} does not call tools.`, { param: "tools" });
    }
    if (need === "vision" && !takesIn(model, "image", "vision")) throw modalityRefused(model, "images", promptField);
    if (need === "audio" && !takesIn(model, "audio", "audio")) throw modalityRefused(model, "sound", promptField);
  }
}

function takesIn({ modality, capabilities }: Model, kind: string, capability: string): boolean {
  const [input = ""] = modality.split("->");
  return input.split("+").includes(kind) || capabilities.includes(capability);
}

function modalityRefused(model: Model, what: string, param: string): GatewayError {
  return new GatewayError("unsupported_modality", `${model.id} does not take ${what}.`, { param });
}
