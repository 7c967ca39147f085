// SPDX-License-Identifier: LGPL-2.1-or-later
//! build - libcgtune.so is where the linker looks, or where CGTUNE_LIB_DIR says

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=CGTUNE_LIB_DIR");
    if let Ok(folder) = std::env::var("CGTUNE_LIB_DIR") {
        println!("cargo:rustc-link-search=native={folder}");
    }
    println!("cargo:rustc-link-lib=dylib=cgtune");
}
