import { GatewayError } from "../errors/gateway-error.ts";
import type { TaskName } from "../protocol/tasks/task.ts";
import type { Model } from "./model.ts";

/** What a model can be asked for: a chat, or a task. */
type Use = "chat" | TaskName;

const ENDPOINTS: Readonly<Record<Use, string>> = {
  chat: "/v1/chat/completions",
  embeddings: "/v1/embeddings",
  moderations: "/v1/moderations",
  rerank: "/v1/rerank",
  images: "/v1/images/generations",
  image_edits: "/v1/images/edits",
  audio_transcription: "/v1/audio/transcriptions",
  audio_translation: "/v1/audio/translations",
  audio_speech: "/v1/audio/speech",
};

/** What a model of this modality is for, its main use first: `text+image->text+image` chats and draws. */
export function usesOf(modality: string): readonly Use[] {
  const [input = "", output = ""] = modality.split("->");
  const [takes, gives] = [input.split("+"), output.split("+")];
  const uses: Use[] = [];
  if (gives.includes("text") && takes.includes("text")) uses.push("chat");
  if (gives.includes("text") && input === "audio") uses.push("audio_transcription", "audio_translation");
  if (gives.includes("image")) uses.push("images", ...(takes.includes("image") ? (["image_edits"] as const) : []));
  if (output === "audio") uses.push("audio_speech");
  if (output === "embedding") uses.push("embeddings");
  if (output === "moderation") uses.push("moderations");
  if (output === "rerank") uses.push("rerank");
  return uses;
}

/** @throws GatewayError `wrong_endpoint` for a model that is there for something else, with where that is */
export function assertUsableFor(use: Use, model: Pick<Model, "id" | "modality">): void {
  // Nearly every call: known without taking the modality apart.
  if (use === "chat" && model.modality.startsWith("text") && model.modality.endsWith("->text")) return;
  const uses = usesOf(model.modality);
  const [main] = uses;
  if (main === undefined || uses.includes(use)) return;
  const message = `${model.id} is not a model for ${ENDPOINTS[use]}. Send it to POST ${ENDPOINTS[main]}.`;
  throw new GatewayError("wrong_endpoint", message, { param: "model" });
}
