"""The functions of OTTL, in tables by name. After pkg/ottl/ottlfuncs."""
