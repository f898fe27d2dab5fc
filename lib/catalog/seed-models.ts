import * as z from "zod";
import { type ModelJson, modelJson } from "./model-json.ts";
import seed from "./seed/models.json" with { type: "json" };

/** The models that ship with Gangway: loaded into Postgres at the start, and the last resort when no store answers. */
export function seedModels(): readonly ModelJson[] {
  return z.array(modelJson).parse(seed);
}
