// What the canvas adds to Sonic nodes: video entries in the node menu, the length of the chosen recording, licences that are accepted by hand.

import { app } from "../../../scripts/app.js";
import { api } from "../../../scripts/api.js";
import { word } from "./sonic_words.js";

const VIDEO_NODES = new Set(["SonicVideoCombine", "SonicGenerate"]);
const AUDIO_NODE = "SonicLoadAudio";
const DOWNLOAD_NODE = "SonicDownload";

function viewUrl({ filename, subfolder = "", type = "input" }) {
  return api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
}

// --- Video nodes: menu entries -------------------------------------------------------------------------------------

function videoMenu(node) {
  const videos = node.sonicVideos ?? videosOf(app.nodeOutputs?.[node.id]);
  return videos.flatMap((video) => {
    const named = (key) => (videos.length > 1 ? `${word(key)} (${video.filename})` : word(key));
    return [
      { content: named("save"), callback: () => saveVideo(video) },
      { content: named("open"), callback: () => window.open(viewUrl(video), "_blank") },
      { content: named("copy"), callback: () => copyText(video.path ?? video.filename) },
    ];
  });
}

function saveVideo(video) {
  const link = document.createElement("a");
  link.href = viewUrl(video);
  link.download = video.filename;
  document.body.append(link);
  link.click();
  link.remove();
}

async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) return navigator.clipboard.writeText(text);
  const field = document.createElement("textarea"); // plain http from another machine has no clipboard API
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

function videosOf(output) {
  const files = output?.file?.length ? output.file : output?.images; // what plays may be a copy of a file that browsers do not play
  return (files ?? []).map((video, i) => ({ ...video, path: output.path?.[i] }));
}

// --- LoadAudio: how long the chosen file is ------------------------------------------------------------------------

function showDuration(node) {
  const widget = (name) => node.widgets?.find((item) => item.name === name);
  const file = widget("audio");
  if (!file) return;
  let shown = word("none");
  const line = node.addWidget("text", "recording", shown, () => show(shown), { serialize: false, read_only: true });
  line.serialize = false;
  line.label = word("recording");
  const show = (text) => {
    line.value = shown = text;
    node.setDirtyCanvas?.(true, true);
  };
  const probe = new Audio();
  probe.preload = "metadata";

  const write = () => {
    const whole = probe.duration;
    if (!Number.isFinite(whole)) return show(word("none"));
    const rest = Math.max(0, whole - (widget("start")?.value ?? 0));
    const length = widget("length")?.value ?? 0;
    const used = length > 0 ? Math.min(length, rest) : rest;
    show((used < whole - 0.005 ? `${used.toFixed(2)} s ${word("of")} ` : "") + `${whole.toFixed(2)} s`);
  };
  const load = () => {
    const [, path, type] = /^(.*?)(?: \[(input|output|temp)\])?$/.exec(String(file.value ?? ""));
    if (!path) return;
    const cut = path.lastIndexOf("/");
    const url = viewUrl({ filename: path.slice(cut + 1), subfolder: path.slice(0, Math.max(0, cut)), type: type ?? "input" });
    if (probe.src.endsWith(url)) return write();
    show(word("none"));
    probe.src = url;
  };
  probe.addEventListener("loadedmetadata", write);
  after(file, "callback", load);
  for (const name of ["start", "length"]) if (widget(name)) after(widget(name), "callback", write);
  after(node, "onConfigure", load);
  if (file.options?.values?.includes?.(file.value)) load();
}

function after(owner, name, action) {
  const before = owner[name];
  owner[name] = function (...args) {
    const result = before?.apply(this, args);
    action();
    return result;
  };
}

// --- Download: whoever opens a graph accepts licences anew ---------------------------------------------------------

function acceptedByHandOnly(node) {
  const licences = node.widgets?.find((item) => item.name === "licences");
  if (licences) after(node, "onConfigure", () => (licences.value = licences.options.values[0]));
}

app.registerExtension({
  name: "sonic-portrait",

  beforeRegisterNodeDef(nodeType, nodeData) {
    if (nodeData.name === AUDIO_NODE) {
      const { upload, ...inputs } = nodeData.input.required; // the player must exist before the upload button looks for it
      nodeData.input.required = { ...inputs, audioUI: ["AUDIO_UI", {}], ...(upload && { upload }) };
    }
    if (VIDEO_NODES.has(nodeData.name) && !app.collectNodeMenuItems) {
      const original = nodeType.prototype.getExtraMenuOptions; // frontends before the getNodeMenuItems hook
      nodeType.prototype.getExtraMenuOptions = function (canvas, options) {
        original?.apply(this, arguments);
        const ours = videoMenu(this);
        if (ours.length) options.unshift(...ours, null);
      };
    }
  },

  getNodeMenuItems(node) {
    return VIDEO_NODES.has(node.constructor.comfyClass) ? videoMenu(node) : [];
  },

  nodeCreated(node) {
    const kind = node.constructor.comfyClass;
    if (kind === AUDIO_NODE) showDuration(node);
    if (kind === DOWNLOAD_NODE) acceptedByHandOnly(node);
    if (!VIDEO_NODES.has(kind)) return;
    node.previewMediaType = "video"; // frontends before 1.42 take an mp4 for a picture otherwise
    const executed = node.onExecuted;
    node.onExecuted = function (output) {
      executed?.apply(this, arguments);
      this.sonicVideos = videosOf(output);
    };
  },
});
