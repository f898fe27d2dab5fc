import type { ProviderDeclaration } from "../provider-declaration.ts";

export const googleAiStudio: ProviderDeclaration = {
  id: "google-ai-studio",
  name: "Google AI Studio",
  aliases: ["gemini"],
  baseUrl: "https://generativelanguage.googleapis.com/v1beta",
  apiKeyVariable: "GEMINI_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json", "embeddings", "images", "audio_speech"],
  wire: "gemini",
};
