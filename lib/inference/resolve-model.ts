import { FREE_PRICE } from "../catalog/effective-price.ts";
import { usualOutputTokens } from "../catalog/expected-output.ts";
import { type Model, maxOutputOf } from "../catalog/model.ts";
import { echo, GatewayError } from "../errors/gateway-error.ts";
import type { Ports } from "../ports/ports.ts";
import type { Gateway } from "./gateway.ts";

/** A model that a call named, found. */
export interface ResolvedModel {
  readonly model: Model;
  /** The provider that the name spoke of: asked first. */
  readonly requestedProvider: string | null;
  /** What one answer usually comes to, tokens. */
  readonly usualOutputTokens: number;
}

/** A local server does not tell its models' windows; nothing is refused on their account. */
const UNKNOWN_CONTEXT = 1_000_000;

/** @throws GatewayError `model_not_found` with near names, `model_retired` with the successor */
export async function resolveModel(gateway: Gateway, ports: Ports, name: string): Promise<ResolvedModel> {
  const named = gateway.catalog.resolve(name);
  switch (named.kind) {
    case "retired":
      throw new GatewayError("model_retired", `${named.id} is retired. Use ${named.successor} instead.`, {
        param: "model",
      });
    case "any-model":
      if (!gateway.providers.has(named.provider)) throw modelNotFound(gateway, name);
      return {
        model: localModel(named.provider, named.nativeModel),
        requestedProvider: named.provider,
        usualOutputTokens: 4096,
      };
    case "model":
    case "unknown": {
      const id = named.kind === "model" ? named.id : named.name;
      const known = gateway.catalog.fromMemory(ports, id);
      const model = known === undefined ? await gateway.catalog.load(ports, id) : known;
      if (model === null) throw modelNotFound(gateway, name);
      const usual = usualOutputTokens(model.id, maxOutputOf(model));
      return { model, requestedProvider: named.kind === "model" ? named.provider : null, usualOutputTokens: usual };
    }
  }
}

export function modelNotFound(gateway: Gateway, name: string): GatewayError {
  const near = gateway.catalog.near(name);
  const hint = near.length === 0 ? "GET /v1/models lists them." : `Did you mean ${near.join(", ")}?`;
  return new GatewayError("model_not_found", `There is no model ${echo(name)}. ${hint}`, { param: "model" });
}

function localModel(provider: string, nativeModel: string): Model {
  return {
    id: `${provider}/${nativeModel}`,
    name: nativeModel,
    releaseDate: null,
    contextLength: UNKNOWN_CONTEXT,
    maxOutputTokens: null,
    modality: "text->text",
    capabilities: ["tools", "vision", "json"],
    openWeights: true,
    offers: [{ provider, nativeModel, contextLength: null, price: FREE_PRICE }],
  };
}
