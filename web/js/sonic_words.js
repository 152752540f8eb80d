// The words that our JavaScript shows, in the language of the editor.

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";

const words = {
  en: {
    save: "Save video as…", open: "Open video", copy: "Copy file path",
    recording: "recording", of: "of", none: "–",
    more: "more settings ▾", fewer: "fewer settings ▴", report: "report",
    add: "add recordings", notUploaded: "could not be uploaded",
  },
  zh: {
    save: "视频另存为…", open: "打开视频", copy: "复制文件路径",
    recording: "录音时长", of: "/", none: "–",
    more: "更多设置 ▾", fewer: "收起设置 ▴", report: "报告",
    add: "添加录音", notUploaded: "无法上传",
  },
};

export function language() {
  return String(app.ui?.settings?.getSettingValue?.("Comfy.Locale") ?? "en");
}

export function word(key) {
  return (language().startsWith("zh") ? words.zh : words.en)[key];
}

const LANGUAGE_SETTING = "sonic-portrait.language";

// The server tells errors and reports in the editor's language; of one that follows the browser it knows nothing by itself.
app.registerExtension({
  name: "sonic-portrait.words",
  async setup() {
    const tell = () => api.storeSetting(LANGUAGE_SETTING, language());
    try {
      if ((await api.getSetting(LANGUAGE_SETTING)) !== language()) await tell();
    } catch (error) {
      console.warn("sonic-portrait: the server does not know the editor's language; it uses its own.", error);
    }
    app.ui?.settings?.addEventListener?.("Comfy.Locale.change", () => tell().catch(() => {}));
  },
});
