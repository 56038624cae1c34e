"""A virtual machine with a kernel of its own, made of the root of a system container and run by QEMU."""
