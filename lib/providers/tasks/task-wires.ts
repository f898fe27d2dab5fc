import type { TaskName } from "../../protocol/tasks/task.ts";
import type { ProviderDeclaration } from "../provider-declaration.ts";
import type { WireName } from "../wire-format.ts";
import { geminiEmbeddingsWire, geminiImagesWire, vertexImagesWire } from "./gemini-task-wires.ts";
import { openAiTaskWire } from "./openai-task-wire.ts";
import type { TaskWire } from "./task-wire.ts";

/** How providers of a wire other than OpenAI's are asked; those of OpenAI's are asked alike for everything. */
const OTHER_WIRES: Readonly<Partial<Record<WireName, Readonly<Partial<Record<TaskName, TaskWire>>>>>> = {
  gemini: { embeddings: geminiEmbeddingsWire, images: geminiImagesWire },
  "vertex-gemini": { images: vertexImagesWire },
  // Its rerank is what everybody else's is made after.
  cohere: { rerank: openAiTaskWire },
};

/** How a provider is asked for a task, or null where it does not do it. */
export function taskWireFor(provider: ProviderDeclaration, task: TaskName): TaskWire | null {
  if (provider.capabilities?.includes(task) !== true) return null;
  const { wire = "openai" } = provider;
  return wire === "openai" ? openAiTaskWire : (OTHER_WIRES[wire]?.[task] ?? null);
}
