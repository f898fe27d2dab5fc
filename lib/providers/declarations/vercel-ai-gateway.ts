import type { ProviderDeclaration } from "../provider-declaration.ts";

export const vercelAiGateway: ProviderDeclaration = {
  id: "vercel-ai-gateway",
  name: "Vercel AI Gateway",
  aliases: ["vercel"],
  baseUrl: "https://ai-gateway.vercel.sh/v1",
  apiKeyVariable: "VERCEL_AI_GATEWAY_API_KEY",
  capabilities: [
    "chat",
    "streaming",
    "tools",
    "vision",
    "json",
    "embeddings",
    "rerank",
    "images",
    "video",
    "audio_transcription",
    "audio_speech",
  ],
  // The vendor's own name for it: vercel.com/docs/ai-gateway/authentication (read 2026-11-25)
  alsoKeyVariables: ["AI_GATEWAY_API_KEY"],
  // Takes Anthropic messages at the same base: vercel.com/docs/ai-gateway/sdks-and-apis/anthropic-messages-api (read 2026-11-25)
  alsoSpeaks: { anthropic: null },
  authorization: "bearer",
  // Puts the routing and the cost of the operator's account into each message (`provider_metadata`).
  translatesReplies: true,
};
