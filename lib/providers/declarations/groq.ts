import type { ProviderDeclaration } from "../provider-declaration.ts";

export const groq: ProviderDeclaration = {
  id: "groq",
  name: "Groq",
  baseUrl: "https://api.groq.com/openai/v1",
  apiKeyVariable: "GROQ_API_KEY",
  capabilities: [
    "chat",
    "streaming",
    "tools",
    "vision",
    "json",
    "audio_transcription",
    "audio_speech",
    "audio_translation",
  ],
  // 400 on these: console.groq.com/docs/openai (read 2026-11-23)
  drop: ["logprobs", "logit_bias", "top_k", "top_logprobs"],
  stripFromReply: [
    ...["x_groq", "usage_breakdown"],
    ...["usage.queue_time", "usage.prompt_time", "usage.completion_time", "usage.total_time"],
  ],
};
