import type { ProviderDeclaration } from "../provider-declaration.ts";

export const together: ProviderDeclaration = {
  id: "together",
  name: "Together AI",
  aliases: ["together_ai"],
  baseUrl: "https://api.together.xyz/v1",
  apiKeyVariable: "TOGETHER_API_KEY",
  alsoSpeaks: { completions: null },
  capabilities: [
    "chat",
    "streaming",
    "tools",
    "vision",
    "json",
    "embeddings",
    "images",
    "rerank",
    "audio_transcription",
    "audio_translation",
    "audio_speech",
  ],
  stripFromReply: ["prompt"],
};
