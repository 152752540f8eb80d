// What several of our scripts need.

import { api } from "../../../scripts/api.js";

export function viewUrl({ filename, subfolder = "", type = "input" }) {
  return api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
}

/** Do `action` after what `owner` does under this name. */
export function after(owner, name, action) {
  const before = owner[name];
  owner[name] = function (...args) {
    const result = before?.apply(this, args);
    action();
    return result;
  };
}
