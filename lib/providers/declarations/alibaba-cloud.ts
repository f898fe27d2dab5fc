import type { ProviderDeclaration } from "../provider-declaration.ts";

export const alibabaCloud: ProviderDeclaration = {
  id: "alibaba-cloud",
  name: "Alibaba Cloud Model Studio",
  aliases: ["alibaba", "dashscope"],
  baseUrl: "https://dashscope{region}.aliyuncs.com/compatible-mode/v1",
  apiKeyVariable: "ALIBABA_CLOUD_API_KEY",
  capabilities: ["chat", "streaming", "tools", "vision", "json", "audio_transcription"],
  alsoKeyVariables: ["DASHSCOPE_API_KEY"],
  // A key is good in its own region: alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope (read 2026-11-25)
  variables: {
    region: {
      name: "ALIBABA_CLOUD_REGION",
      byDefault: "international",
      values: { international: "-intl", us: "-us", china: "" },
    },
  },
};
