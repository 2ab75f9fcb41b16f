{{ cleaned('titulacion') }}
