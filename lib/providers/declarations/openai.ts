import type { ProviderDeclaration } from "../provider-declaration.ts";

export const openAi: ProviderDeclaration = {
  id: "openai",
  name: "OpenAI",
  baseUrl: "https://api.openai.com/v1",
  apiKeyVariable: "OPENAI_API_KEY",
  capabilities: [
    "chat",
    "streaming",
    "tools",
    "vision",
    "json",
    "logprobs",
    "embeddings",
    "images",
    "audio_transcription",
    "responses",
    "moderations",
    "image_edits",
    "audio_translation",
    "audio_speech",
  ],
  alsoSpeaks: { responses: null },
  // developers.openai.com/docs/guides/your-data (read 2026-11-25); abuse monitoring keeps prompts for 30 days
  trainsOnPrompts: false,
  // 400 on an argument it does not know: platform.openai.com/docs/api-reference/chat/create (read 2026-11-24)
  drop: ["top_k"],
  modelQuirks: [
    // Reasoning models refuse max_tokens, the others an effort: platform.openai.com/docs/guides/reasoning (read 2026-11-24)
    { models: /^(?:o\d|gpt-5)/, rename: { max_tokens: "max_completion_tokens" } },
    { models: /^(?:gpt-3|gpt-4|chatgpt)/, drop: ["reasoning_effort"] },
  ],
};
