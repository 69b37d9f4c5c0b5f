//! The test application: what stands behind and in front of the Envoys of a test. See `mesh_tests::testapp`.

fn main() -> std::process::ExitCode {
    mesh_tests::testapp::main()
}
