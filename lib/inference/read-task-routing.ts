import { GatewayError } from "../errors/gateway-error.ts";
import { isJsonObject, type JsonObject } from "../protocol/json.ts";
import type { UploadForm } from "../protocol/multipart/upload-form.ts";
import { routingFields, routingRequest } from "../protocol/routing-fields.ts";
import { validate } from "../protocol/schema-error.ts";
import type { ParsedTask } from "../protocol/tasks/task.ts";
import { readPreferences } from "../routing/read-preferences.ts";
import { NO_PREFERENCES, type RoutingPreferences } from "../routing/routing-preferences.ts";

/** What a task says of its own routing. */
export interface TaskRouting {
  readonly preferences: RoutingPreferences;
  /** The client's own name for its session, or null. */
  readonly session: string | null;
}

const NO_ROUTING: TaskRouting = { preferences: NO_PREFERENCES, session: null };
const FIELDS = Object.keys(routingFields);

/** Of `provider`; nobody's speed at a task is measured, and of its parameters none is known to be left out. */
const APPLIED = new Set([
  "order",
  "only",
  "ignore",
  "allow_fallbacks",
  "data_collection",
  "zdr",
  "sort",
  "max_price",
  "quantizations",
  "failover_on_rate_limit",
]);

/**
 * The routing fields of a task. In a form they are JSON texts, and must have come before what is passed on unread.
 * @throws GatewayError `unsupported_parameter` for what says something that could not be followed: silence would pass for
 *   consent; what a chat's fields are refused with for the others
 */
export function readTaskRouting({ payload }: ParsedTask): TaskRouting {
  const body = payload.kind === "json" ? payload.body : routingOf(payload.form);
  if (!FIELDS.some((field) => field in body)) return NO_ROUTING;
  const { provider, models, route, session_id } = validate(routingRequest, body);
  if (models !== null && models !== undefined && models.length > 0) throw unsupported("models");
  if (route !== null && route !== undefined) throw unsupported("route");
  for (const [field, value] of Object.entries(provider ?? {})) {
    if (!APPLIED.has(field) && says(value)) throw unsupported(`provider.${field}`);
  }
  if (says(provider?.max_price?.image)) throw unsupported("provider.max_price.image");
  const preferences = readPreferences(provider);
  if (preferences.sort !== null && preferences.sort !== "price") throw unsupported("provider.sort");
  return { preferences, session: session_id ?? null };
}

function says(value: unknown): boolean {
  return value !== null && value !== undefined && value !== false;
}

function unsupported(param: string): GatewayError {
  return new GatewayError("unsupported_parameter", `${param} cannot be followed on this endpoint. Leave it out.`, {
    param,
  });
}

/** A form's routing fields as a JSON body would have them. Any that come later are refused when they do. */
function routingOf(form: UploadForm): JsonObject {
  form.refuseFromNow(FIELDS);
  const fields = form.fields();
  const bracketed = Object.keys(fields).find((name) => FIELDS.some((field) => name.startsWith(`${field}[`)));
  if (bracketed !== undefined) throw unsupported(bracketed);
  return Object.fromEntries(
    FIELDS.flatMap((field) => {
      const text = fields[field];
      return typeof text === "string" ? [[field, field in PLAIN ? text : parsed(field, text)]] : [];
    }),
  );
}

/** Fields that are texts in JSON too. */
const PLAIN = { route: true, session_id: true };

function parsed(field: string, text: string): JsonObject[string] {
  try {
    const value: JsonObject[string] = JSON.parse(text);
    if (isJsonObject(value) || Array.isArray(value) || value === null) return value;
  } catch {
    // Said below.
  }
  throw new GatewayError("invalid_type", `${field} in a form must be JSON.`, { param: field });
}
