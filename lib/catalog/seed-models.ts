import type { ModelJson } from "./model-json.ts";
import chatModels from "./seed/models.json" with { type: "json" };
import taskModels from "./seed/task-models.json" with { type: "json" };

/**
 * The models that ship with Gangway: loaded into Postgres at the start, and the last resort when no store answers.
 * They are part of the bundle, so a test checks them against the schema and a cold start does not.
 */
export function seedModels(): readonly ModelJson[] {
  return [...chatModels, ...taskModels];
}
