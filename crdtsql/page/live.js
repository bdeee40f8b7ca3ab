// Says when the file has something else. Everything works without this.
"use strict";
const address = document.body.dataset.news;
if (address && "EventSource" in window) {
  let first = null;
  const source = new EventSource(address);
  source.onmessage = (event) => {
    if (first === null) first = event.data;
    else if (event.data !== first) document.querySelector(".news").hidden = false;
  };
}
