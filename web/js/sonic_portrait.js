// What the canvas adds to Sonic nodes: video entries in the node menu, licences that are accepted by hand.

import { app } from "../../../scripts/app.js";
import { after, viewUrl } from "./sonic_common.js";
import { word } from "./sonic_words.js";

const VIDEO_NODES = new Set(["SonicVideoCombine", "SonicGenerate"]);
const DOWNLOAD_NODE = "SonicDownload";

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

// --- Download: whoever opens a graph accepts licences anew ---------------------------------------------------------

function acceptedByHandOnly(node) {
  const licences = node.widgets?.find((item) => item.name === "licences");
  if (licences) after(node, "onConfigure", () => (licences.value = licences.options.values[0]));
}

app.registerExtension({
  name: "sonic-portrait",

  beforeRegisterNodeDef(nodeType, nodeData) {
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
