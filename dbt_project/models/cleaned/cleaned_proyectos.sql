{{ cleaned('proyectos') }}
