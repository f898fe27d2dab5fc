import type { ProviderDeclaration } from "../provider-declaration.ts";

export const siliconFlow: ProviderDeclaration = {
  id: "siliconflow",
  name: "SiliconFlow",
  baseUrl: "https://api.siliconflow.com/v1",
  apiKeyVariable: "SILICONFLOW_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json", "audio_transcription"],
};
