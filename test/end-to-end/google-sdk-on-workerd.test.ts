import { describeGoogleSdkThroughGateway } from "./gateway-sdks.ts";

describeGoogleSdkThroughGateway("workerd");
