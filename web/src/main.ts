import "./styles/base.css";

import { mount } from "svelte";

import App from "./App.svelte";
import { keepLooking } from "./app/link";
import { keepShell } from "./app/newer";
import { useLanguage } from "./i18n/index.svelte";

const target = document.getElementById("page");
if (!target) throw new Error("index.html has no #page");
// A language that isn't English comes a moment later: what is there is shown until then.
void useLanguage();
keepLooking();
keepShell();
mount(App, { target });
