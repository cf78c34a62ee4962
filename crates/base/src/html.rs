//! The frame of every HTML page that the program writes to a file: one self-contained file that loads
//! nothing from the network.

/// The name under which templates extend [`BASE`]: `{% extends "base.html" %}`.
pub const BASE_NAME: &str = "base.html";

/// A Jinja template with the blocks `title`, `style` (CSS), `body`, and `script_src`, which a page with
/// an inline script fills with `; script-src 'unsafe-inline'`. Its content security policy allows inline
/// styles and `data:` images, and nothing else.
pub const BASE: &str = include_str!("base.html");
