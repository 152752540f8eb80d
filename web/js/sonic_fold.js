// Rarely used widgets are folded away on the classic canvas too, where the editor shows all; Nodes 2.0 has a button of its own.

import { app } from "../../../scripts/app.js";
import { word } from "./sonic_words.js";

const VUE = "Comfy.VueNodes.Enabled";
const foldable = new WeakMap(); // node -> what shows it as it is

function rareWidgets(node) {
  const { required = {}, optional = {} } = node.constructor.nodeData?.input ?? {};
  return (node.widgets ?? []).filter(({ name }) => (required[name] ?? optional[name])?.[1]?.advanced);
}

/** `canvas`: whether the canvas draws the node; Nodes 2.0 hides by itself, but counts the row in the node's least height. */
function hide(widget, hidden, canvas) {
  widget.hidden = hidden && canvas;
  if (hidden) widget.computeSize = () => [0, -4]; // frontends of 2025 leave the row of a hidden widget empty
  else delete widget.computeSize;
}

function fold(node) {
  const rare = rareWidgets(node);
  if (!rare.length) return;
  const toggle = () => {
    node.showAdvanced = !node.showAdvanced;
    show();
    node.setSize([node.size[0], node.computeSize()[1]]);
    node.setDirtyCanvas(true, true);
  };
  const button = node.addWidget("button", "sonic_more", null, toggle, { serialize: false, canvasOnly: true });
  button.serialize = false;
  const show = () => {
    const canvas = !app.ui?.settings?.getSettingValue?.(VUE);
    for (const widget of rare) hide(widget, !node.showAdvanced, canvas);
    button.label = word(node.showAdvanced ? "fewer" : "more");
    button.hidden = !canvas;
  };
  show();
  node.setSize([node.size[0], node.computeSize()[1]]);
  foldable.set(node, show);
  const configured = node.onConfigure;
  node.onConfigure = function () {
    configured?.apply(this, arguments);
    show();
  };
}

app.registerExtension({
  name: "sonic-portrait.fold",

  setup() {
    app.ui?.settings?.addEventListener?.(`${VUE}.change`, () => {
      for (const node of app.graph?._nodes ?? []) foldable.get(node)?.();
    });
  },

  nodeCreated(node) {
    if (node.constructor.comfyClass?.startsWith("Sonic")) fold(node);
  },
});
