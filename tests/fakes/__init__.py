"""The other ends of the wire: a fake GitLab (both halves) and fake model servers. Standard library only, but for
python3-cryptography, which makes keys and certificates."""
