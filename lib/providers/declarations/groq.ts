import type { ProviderDeclaration } from "../provider-declaration.ts";

export const groq: ProviderDeclaration = {
  id: "groq",
  name: "Groq",
  baseUrl: "https://api.groq.com/openai/v1",
  apiKeyVariable: "GROQ_API_KEY",
  capabilities: ["chat", "audio_transcription", "audio_translation", "audio_speech"],
  // 400 on these: console.groq.com/docs/openai (read 2026-11-23)
  drop: ["logprobs", "logit_bias", "top_k", "top_logprobs"],
  stripFromReply: ["x_groq", "usage_breakdown"],
};
